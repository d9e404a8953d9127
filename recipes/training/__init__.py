"""What stands around the steps of training: launch, data, output folder, record, report."""
