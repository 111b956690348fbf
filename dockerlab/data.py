"""`dataclass`, `field`, `replace` and `asdict` as of the standard library, for a command that has to begin at once.

Importing `dataclasses` takes 20 ms (it imports `inspect`), and each class that it makes half a millisecond, used or not: of `docker images` that was a third.
Here a class costs nothing until there are instances, and its `__init__` is written when there are many. What we don't use is not there: `slots`,
`kw_only`, `__post_init__`. Type checkers see the standard library's.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` would cost some milliseconds too; type checkers know this name
if TYPE_CHECKING:
    from dataclasses import asdict, dataclass, field, replace

    __all__ = ["asdict", "dataclass", "field", "replace"]
else:
    _NOTHING = object()
    _SEVERAL = 50  # instances: to write an `__init__` takes as long as so many take without

    class _Field:
        def __init__(self, default, factory):
            self.default, self.factory = default, factory

    def field(*, default=_NOTHING, default_factory=None):
        """A default, or what makes one for each instance."""
        return _Field(default, default_factory)

    def dataclass(cls=None, /, *, frozen=False, order=False):
        """Make the class's annotations its fields."""

        def made(cls):
            fields = {}
            for base in reversed(cls.__mro__[1:]):
                fields.update(base.__dict__.get("__data_fields__", {}))
            for name in cls.__dict__.get("__annotations__", {}):  # noqa: RUF063
                given = cls.__dict__.get(name, _NOTHING)
                one = given if isinstance(given, _Field) else _Field(given, None)
                fields[name] = one
                if one.factory is not None:
                    delattr(cls, name)
                elif one.default is not given:
                    setattr(cls, name, one.default)
            cls.__data_fields__, cls.__match_args__ = fields, tuple(fields)
            cls.__init__ = _first_init(cls, fields)
            own = {"__eq__": _eq, "__repr__": _repr, "__hash__": _hash if frozen else None}
            if frozen:
                own |= {"__setattr__": _refuse, "__delattr__": _refuse}
            if order:
                own |= {"__lt__": _less, "__gt__": _greater, "__le__": _not_greater, "__ge__": _not_less}
            for name, value in own.items():
                if name not in cls.__dict__ or (name == "__hash__" and cls.__dict__[name] is None):
                    setattr(cls, name, value)
            return cls

        return made if cls is None else made(cls)

    def _first_init(cls, fields):
        """An `__init__` for the first instances; who makes more gets one that is written for the class, which is quicker but takes time to write."""
        names, factories, defaults = tuple(fields), {}, {}
        for name, one in fields.items():
            if one.factory is not None:
                factories[name] = one.factory
            elif one.default is not _NOTHING:
                defaults[name] = one.default
        made = 0

        def __init__(self, *args, **kwargs):
            nonlocal made
            made += 1
            values = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
            for name, factory in factories.items():
                if name not in values:
                    values[name] = factory()
            twice = kwargs and not kwargs.keys().isdisjoint(names[: len(args)])
            if made <= _SEVERAL and len(args) <= len(names) and not twice and values.keys() == fields.keys():
                self.__dict__.update(values)
                return
            if cls.__init__ is __init__:
                cls.__init__ = _written(cls, fields)
            cls.__init__(self, *args, **kwargs)  # where something is wrong with the arguments it says so as Python does

        return __init__

    def _written(cls, fields):
        names, scope, lines, head = list(fields), {"_nothing": _NOTHING}, [], ["self"]
        for name in names:
            one = fields[name]
            if one.factory is not None:
                scope[f"_make_{name}"] = one.factory
                head.append(f"{name}=_nothing")
                lines.append(f"    _put['{name}'] = _make_{name}() if {name} is _nothing else {name}")
                continue
            if one.default is not _NOTHING:
                scope[f"_default_{name}"] = one.default
            head.append(name if one.default is _NOTHING else f"{name}=_default_{name}")
            lines.append(f"    _put['{name}'] = {name}")
        exec(f"def __init__({', '.join(head)}):\n    _put = self.__dict__\n" + "\n".join(lines), scope)
        scope["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
        return scope["__init__"]

    def _values(self):
        return tuple([getattr(self, name) for name in self.__data_fields__])

    def _eq(self, other):
        return _values(self) == _values(other) if other.__class__ is self.__class__ else NotImplemented

    def _hash(self):
        return hash(_values(self))

    def _repr(self):
        return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__data_fields__)})"

    def _refuse(self, name, *value):
        raise AttributeError(f"cannot change {name!r} of {self.__class__.__qualname__}, which is frozen")

    def _less(self, other):
        return _values(self) < _values(other) if other.__class__ is self.__class__ else NotImplemented

    def _greater(self, other):
        return _values(self) > _values(other) if other.__class__ is self.__class__ else NotImplemented

    def _not_greater(self, other):
        return _values(self) <= _values(other) if other.__class__ is self.__class__ else NotImplemented

    def _not_less(self, other):
        return _values(self) >= _values(other) if other.__class__ is self.__class__ else NotImplemented

    def replace(one, /, **changes):
        """Another one, with some fields changed."""
        return one.__class__(**{name: getattr(one, name) for name in one.__data_fields__} | changes)

    def asdict(one, /):
        """The fields as a dictionary, those of fields too."""
        return {name: _plain(getattr(one, name)) for name in one.__data_fields__}

    def _plain(value):
        if hasattr(value.__class__, "__data_fields__"):
            return asdict(value)
        if isinstance(value, dict):
            return {_plain(key): _plain(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return value.__class__([_plain(inner) for inner in value])
        return value
