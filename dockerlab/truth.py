"""What Go, and so Docker, reads as true or false. (strconv.ParseBool)"""

TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))
