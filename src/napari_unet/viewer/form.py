"""A form generated from a settings model: labels, tooltips, bounds and *auto* come from its fields."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from types import NoneType
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from magicgui.widgets import CheckBox, ComboBox, Container
from magicgui.widgets.bases import ValueWidget
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtWidgets import QFormLayout, QGroupBox, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_unet.errors import InputError
from napari_unet.settings import Settings
from napari_unet.viewer import style
from napari_unet.viewer.fold import Fold
from napari_unet.viewer.number_box import NumberEdit

S = TypeVar("S", bound=Settings)


class SettingsForm(Container, Generic[S]):
    """A form for ``model``; a magicgui widget whose ``native`` goes into any Qt layout.

    Parameters
    ----------
    model : type of Settings
        What the form edits. ``None`` is shown as *auto*, or as the field's ``json_schema_extra["none"]``.
    basic : sequence of str
        Fields shown at once, in this order. All others are folded under "Advanced".
    name : str
        Name of the widget, for screen readers and tests.
    hidden : sequence of str
        Fields the dock sets itself; they keep what :meth:`set` gave them.

    Attributes
    ----------
    fields : dict
        magicgui widget of each field by name; fields of a nested model as ``"augmentation.flips"``.
    changed : psygnal signal
        Emitted after every change, with the form.
    """

    def __init__(
        self, model: type[S], *, basic: Sequence[str], name: str, hidden: Sequence[str] = ()
    ) -> None:
        super().__init__(name=name, labels=False)
        self._model = model
        self._quiet = False
        self._shown = model()
        self.fields: dict[str, ValueWidget] = {}
        self._infos: dict[str, FieldInfo] = {}
        self._rows: dict[str, QFormLayout] = {}
        layout = self.native.layout()
        layout.setContentsMargins(0, 0, 0, 0)
        basic_rows = _form_layout()
        for field in basic:
            self._add_row(basic_rows, field, model.model_fields[field])
        layout.addLayout(basic_rows)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        rows = _form_layout()
        column.addLayout(rows)
        for field, info in model.model_fields.items():
            if field in basic or field in hidden:
                continue
            if isinstance(info.annotation, type) and issubclass(info.annotation, Settings):
                column.addWidget(self._group(field, info.annotation, info))
            else:
                self._add_row(rows, field, info)
        self.reset_button = QPushButton("Reset to defaults")
        self.reset_button.setToolTip("Put every setting of this dock back to its default.")
        self.reset_button.clicked.connect(self.reset)
        column.addWidget(self.reset_button)
        self.advanced = Fold("Advanced", page)
        layout.addWidget(self.advanced)
        self.set(self._shown)

    @property
    def value(self) -> S:
        """The settings as shown.

        Raises
        ------
        InputError
            Naming the field that cannot be used, and why.
        """
        values: dict[str, Any] = self._shown.model_dump()
        for path, widget in self.fields.items():
            *outer, field = path.split(".")
            target = values[outer[0]] if outer else values
            target[field] = widget.value
        try:
            return self._model.model_validate(values)
        except ValidationError as error:
            path, sentence = next(self._problems(error))
            raise InputError(sentence) from error

    def set(self, settings: S) -> None:
        """Show ``settings``."""
        self._shown = settings
        values = settings.model_dump()
        self._quiet = True
        try:
            for path, widget in self.fields.items():
                value: Any = values
                for part in path.split("."):
                    value = value[part]
                widget.value = value
        finally:
            self._quiet = False
        self._on_changed()

    def reset(self) -> None:
        """Put every field back to its default."""
        self.set(self._model())

    def suggest(self, values: Mapping[str, Any]) -> None:
        """Say what *auto* would choose, by field name: *auto (32)*. None takes the suggestion away."""
        for field, value in values.items():
            widget = self.fields.get(field)
            if isinstance(widget, NumberEdit):
                widget.native.suggest(value)
            elif isinstance(widget, ComboBox):
                none = self._none_text(field)
                box = widget.native
                for i in range(box.count()):
                    if box.itemText(i).startswith(none):
                        box.setItemText(i, f"{none} ({value})" if value is not None else none)

    def add_below(self, field: str, widget: QWidget) -> None:
        """Put something of the dock's own below a field, over the whole width."""
        rows = self._rows[field]
        row, _ = rows.getWidgetPosition(self.fields[field].native)
        rows.insertRow(row + 1, widget)

    @property
    def problem(self) -> str:
        """Why the form cannot be used as it is; empty where it can."""
        try:
            _ = self.value
        except InputError as error:
            return str(error)
        return ""

    def _group(self, field: str, model: type[Settings], info: FieldInfo) -> QGroupBox:
        group = QGroupBox(info.title or field)
        group.setToolTip(info.description or "")
        rows = _form_layout(group)
        for inner, inner_info in model.model_fields.items():
            self._add_row(rows, f"{field}.{inner}", inner_info)
        return group

    def _add_row(self, rows: QFormLayout, path: str, info: FieldInfo) -> None:
        widget = _field_widget(path, info)
        self.fields[path] = widget
        self._rows[path] = rows
        self._infos[path] = info
        native = widget.native
        native.setToolTip(f"<qt>{info.description or ''}</qt>")
        native.setAccessibleName(info.title or path)
        native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        label = QLabel(info.title or path)
        label.setToolTip(f"<qt>{info.description or ''}</qt>")
        label.setBuddy(native)
        rows.addRow(label, native)
        widget.changed.connect(self._on_changed)

    def _on_changed(self, *_: Any) -> None:
        if self._quiet:
            return
        bad: dict[str, str] = {}
        try:
            self.value  # noqa: B018 - reading validates
        except InputError as error:
            if isinstance(error.__cause__, ValidationError):
                bad = dict(self._problems(error.__cause__))
        for path, widget in self.fields.items():
            mark(widget.native, bad.get(path, ""), self._infos[path].description or "")
        self.changed.emit(self)

    def _problems(self, error: ValidationError) -> Iterator[tuple[str, str]]:
        for problem in error.errors():
            path = ".".join(str(p) for p in problem["loc"])
            info = self._infos.get(path)
            if info is None:
                message = problem["msg"].removeprefix("Value error, ")
                yield "", f"{message[:1].upper()}{message[1:]}."
            else:
                yield path, f"{info.title or path} must be {expected(info)}, not {problem['input']!r}."

    def _none_text(self, path: str) -> str:
        return _none_text(self._infos[path])


def mark(widget: QWidget, problem: str, description: str = "") -> None:
    """Frame a field that cannot be used and put the reason into its tooltip; an empty problem clears it."""
    style.mark(widget, wrong=bool(problem))
    widget.setToolTip(f"<qt>{'<b>' + problem + '</b> ' if problem else ''}{description}</qt>")


def _form_layout(parent: QWidget | None = None) -> QFormLayout:
    rows = QFormLayout(parent)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    rows.setVerticalSpacing(4)
    return rows


def _field_widget(path: str, info: FieldInfo) -> ValueWidget:
    types, nullable = _types(info.annotation)
    none_text = _none_text(info) if nullable else None
    if get_origin(types[0]) is Literal:
        choices: list[tuple[str, Any]] = [(none_text, None)] if none_text is not None else []
        choices += [(str(c), c) for c in get_args(types[0])]
        return ComboBox(name=path, choices=choices, nullable=False)
    if types[0] is bool and none_text is not None:
        answers: list[tuple[str, Any]] = [(none_text, None), ("yes", True), ("no", False)]
        return ComboBox(name=path, choices=answers, nullable=False)
    if types[0] is bool:
        box = CheckBox(name=path)
        box.text = ""  # the name would be shown instead of an empty text given above
        return box
    if types[0] in (int, float):
        low, high = _bounds(info)
        return NumberEdit(name=path, whole=types[0] is int, none_text=none_text, minimum=low, maximum=high)
    raise TypeError(f"no form field for {path}: {info.annotation}")


def _types(annotation: Any) -> tuple[list[Any], bool]:
    """The types a field takes besides None, and whether it takes None."""
    if get_origin(annotation) is Literal or isinstance(annotation, type):
        return [annotation], False
    members = get_args(annotation)
    return [m for m in members if m is not NoneType], NoneType in members


def _none_text(info: FieldInfo) -> str:
    extra = info.json_schema_extra
    return str(extra.get("none", "auto")) if isinstance(extra, dict) else "auto"


def _bounds(info: FieldInfo) -> tuple[float, float]:
    """Smallest and largest value the arrows reach; just inside open bounds."""
    low, high = -math.inf, math.inf
    for bound in info.metadata:
        if isinstance(bound, Ge):
            low = float(bound.ge)  # type: ignore[arg-type]
        elif isinstance(bound, Gt):
            low = math.nextafter(float(bound.gt), math.inf)  # type: ignore[arg-type]
        elif isinstance(bound, Le):
            high = float(bound.le)  # type: ignore[arg-type]
        elif isinstance(bound, Lt):
            high = math.nextafter(float(bound.lt), -math.inf)  # type: ignore[arg-type]
    return low, high


def expected(info: FieldInfo) -> str:
    """Say what a field takes: ``a whole number from 1 to 512, or auto``."""
    types, nullable = _types(info.annotation)
    if get_origin(types[0]) is Literal:
        text = "one of " + ", ".join(str(c) for c in get_args(types[0]))
    elif types[0] is bool:
        text = "on or off"
    else:
        text = "a whole number" if types[0] is int else "a number"
        bounds = {type(b): astuple(b)[0] for b in info.metadata if isinstance(b, Ge | Gt | Le | Lt)}
        both = Ge in bounds and Le in bounds
        words = {
            Ge: "from" if both else "of at least",
            Gt: "above",
            Le: "to" if both else "up to",
            Lt: "below",
        }
        text = " ".join([text, *(f"{words[kind]} {bound}" for kind, bound in bounds.items())])
    return f"{text}, or {_none_text(info)}" if nullable else text
