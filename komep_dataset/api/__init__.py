"""What `import komep_dataset as komep` has beside the functions of the stages, and how it calls those."""
