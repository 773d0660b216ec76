"""What is wrong with a value of a section, in one line that names its key."""

from reprlib import repr as repr_of

from pydantic import ValidationError


def first_problem(error: ValidationError) -> str:
    """Describe the first of the problems that pydantic found.

    Returns
    -------
    str
        ``"train.iterations: should be greater than or equal to 1, not -5"``
    """
    problem = error.errors()[0]
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    # The path of a cohort's key has its kind in it, which the file has not.
    path = [part for i, part in enumerate(problem["loc"]) if not (i == 2 and problem["loc"][0] == "cohorts")]
    path = [part for part in path if part != "[key]"]  # it is the key that is wrong
    message = f"{problem['msg'].removeprefix('Input ').removeprefix('String ')}, not {_shown(value)}"
    if kind == "value_error":
        message = problem["msg"].removeprefix("Value error, ")
    elif kind == "unknown_key":
        path.append(context["key"])
        message = problem["msg"]
    elif kind == "missing":
        message = "is missing; add it"
    elif kind == "union_tag_not_found":
        path.append("kind")
        message = "is missing; it says how the scans lie on disk, such as nifti"
    elif kind == "union_tag_invalid":
        path.append("kind")
        message = f"{_shown(context['tag'])} is none of {context['expected_tags']}"
    elif kind in ("dict_type", "model_type", "model_attributes_type"):
        message = f"should have keys below it, not {_shown(value)}; give it some, or leave it out"
    elif kind == "string_pattern_mismatch":
        message = f"should be made of letters, digits, _ . and -, not {_shown(value)}"
    elif kind == "string_type":
        message += "; put it in quotes"
    elif kind == "float_type" and isinstance(value, str):
        message = f"{value!r} is text to YAML; write a number with a decimal point, such as 0.0001 or 1.0e-4"
    key = ".".join(map(str, path))
    return f"{key}: {message}" if key else message


def _shown(value: object) -> str:
    """A value as YAML may write it, in one line, cut where it is long or deep."""
    return {"None": "null", "True": "true", "False": "false"}.get(repr_of(value), repr_of(value))
