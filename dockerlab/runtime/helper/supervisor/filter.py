def install() -> int:
    raise OSError(38,"later")
