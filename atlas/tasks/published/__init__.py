"""The paper's eight data sets, read from the files that their authors publish."""
