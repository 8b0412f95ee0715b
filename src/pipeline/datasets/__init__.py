"""Sources of data, one per file, all in one vocabulary on ascending coordinates: ERA5, OISST, ERSST, nature run."""
