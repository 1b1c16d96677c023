"""The interface of scikit-learn's estimators, without scikit-learn."""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING, Any

from ._errors import InvalidError
from ._headstart import __version__

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_BASE = "mobilenetv2"
# Code flags of functions with *args and **kwargs. They equal those of the module inspect, whose import is slow.
CO_VARARGS, CO_VARKEYWORDS = 4, 8


class Estimator:
    """An estimator whose parameters are the arguments of its constructor, which only stores them."""

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        # Engines wrap a class in a subclass whose constructor passes any arguments on.
        own = (vars(each)["__init__"].__code__ for each in cls.__mro__[:-1] if "__init__" in vars(each))
        code: CodeType = next(code for code in own if not code.co_flags & (CO_VARARGS | CO_VARKEYWORDS))
        return code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool
            Ignored: no parameter is an estimator.
        """
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name."""
        for name, value in params.items():
            if name not in self._names():
                known = ", ".join(self._names())
                raise InvalidError(f"Invalid parameter {name!r} for {type(self).__name__}: there are {known}")
            setattr(self, name, value)
        return self

    def _options(self, *but: str) -> dict[str, Any]:
        """Return the parameters as options of the native module, except those in ``but``."""
        options = {name: value for name, value in self.get_params().items() if name not in but}
        if options["weights"] is not None and options["base"] == DEFAULT_BASE:
            # The file specifies its base.
            options["base"] = None
        return options

    def __repr__(self) -> str:
        defaults = type(self)()
        changed = (
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value is not (default := getattr(defaults, name)) and repr(value) != repr(default)
        )
        return f"{type(self).__name__}({', '.join(changed)})"

    def __getstate__(self) -> dict[str, Any]:
        return {"version": __version__, "state": self.__dict__.copy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        found, values = state.get("version"), state.get("state")
        if not isinstance(found, str) or not isinstance(values, dict):
            raise InvalidError(f"this is no pickle of a {type(self).__name__}")
        known = self._names()
        unknown = [name for name in values if name not in known and "_" not in (name[0], name[-1])]
        if unknown:
            raise InvalidError(
                f"this was pickled by headstart {found}, and {__version__} does not know {', '.join(unknown)}: "
                "use that version, or save models with model_.save, which later versions read"
            )
        # Parameters that later versions added keep their defaults.
        self.__dict__.update(type(self)().__dict__)
        self.__dict__.update(values)

    def _tags(self, kind: str) -> Any:
        """Return scikit-learn's tags. Only scikit-learn calls this."""
        from sklearn.utils import (
            ClassifierTags,
            InputTags,
            Tags,
            TargetTags,
            TransformerTags,
        )

        is_classifier = kind == "classifier"
        return Tags(
            estimator_type=kind if is_classifier else None,
            target_tags=TargetTags(required=is_classifier),
            classifier_tags=ClassifierTags(multi_label=True) if is_classifier else None,
            transformer_tags=None if is_classifier else TransformerTags(preserves_dtype=[]),
            requires_fit=is_classifier,
            input_tags=InputTags(two_d_array=False, three_d_array=False, string=True),
        )
