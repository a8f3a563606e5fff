/sfxpack/writes/the/prefix/here
