"""What readers of data sets share: files, layouts, splits, records, answers and regions."""
