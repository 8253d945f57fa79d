"""What other bodies bring: parcels of files, read as strangers' things, and what is said of each file in them."""
