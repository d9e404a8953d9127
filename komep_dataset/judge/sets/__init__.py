"""Sets of claims that people judged, a file a set: `komep calibrate --set NAME PATH` reads a user's copy of one."""
