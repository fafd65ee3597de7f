"""Edits of a JSON text leave every other byte alone."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dispatch_hooks import jsontext
from dispatch_hooks.errors import FatalError

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text()
values = st.recursive(scalars, lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=8)
blanks = st.sampled_from(["", "", "", " ", "  ", "\t", "\n", "\r\n", "\n  ", "\r\n\t", "\r", "\n\n    "])
surrogates = st.text(st.characters(categories=["Cs"]), max_size=1)


@st.composite
def wild_texts(draw, depth=3):
    """A JSON text with white space anywhere, keys that come twice, and escapes where none are needed."""
    kind = draw(st.sampled_from("{[s" if depth else "s"))
    if kind == "s":
        body = json.dumps(draw(scalars | surrogates))
    else:
        texts = draw(st.lists(wild_texts(depth=depth - 1), max_size=3))
        if kind == "{":
            keys = [json.dumps(draw(st.sampled_from(["a", "b", "é", '"', "\\", "\n"]))) for _ in texts]
            pairs = zip(keys, texts, strict=True)
            texts = [f"{draw(blanks)}{key}{draw(blanks)}:{value}" for key, value in pairs]
        inside = ",".join(texts) or draw(blanks)
        body = kind + inside + {"{": "}", "[": "]"}[kind]
    return draw(blanks) + body + draw(blanks)


@st.composite
def neat_texts(draw):
    """A JSON text as a formatter would write it, in some style."""
    indent = draw(st.sampled_from([None, 0, 1, 2, 4, "\t"]))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (",", ": "), (",", " : ")]))
    text = json.dumps(draw(values), indent=indent, separators=separators, ensure_ascii=draw(st.booleans()))
    text = text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
    return draw(st.sampled_from(["", jsontext.BOM])) + text + draw(st.sampled_from(["", "\n", "\r\n"]))


texts = wild_texts() | neat_texts()


def load(text):
    return json.loads(text.removeprefix(jsontext.BOM))


def containers(value, path=()):
    """The path of every container that JSON.parse would see."""
    if isinstance(value, dict | list):
        yield path
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from containers(inner, (*path, key))


def at(value, path):
    for step in path:
        value = value[step]
    return value


def free_place(data, text):
    value = load(text)
    found = list(containers(value))
    if not found:
        return None
    box = data.draw(st.sampled_from(found))
    inside = at(value, box)
    if isinstance(inside, list):
        return (*box, len(inside))
    return (*box, data.draw(st.text().filter(lambda key: key not in inside)))


@given(texts, values, st.data())
def test_what_was_inserted_can_be_removed_to_the_byte(text, value, data):
    if path := free_place(data, text):
        assert jsontext.remove(jsontext.insert(text, path, value), path, like=text) == text


@given(texts, values, st.data())
def test_an_insertion_is_one_insertion_and_means_what_it_should(text, value, data):
    if path := free_place(data, text):
        after = jsontext.insert(text, path, value)
        added = len(after) - len(text)
        assert any(after[:n] + after[n + added :] == text for n in range(len(text) + 1))
        expected = load(text)
        inside = at(expected, path[:-1])
        inside.append(value) if isinstance(inside, list) else inside.update({path[-1]: value})
        assert load(after) == expected


@given(neat_texts(), st.data())
def test_a_removal_removes_one_item_and_one_stretch_of_text(text, data):
    found = [path for path in containers(load(text)) if at(load(text), path)]
    if not found:
        return
    box = data.draw(st.sampled_from(found))
    inside = at(load(text), box)
    key = data.draw(st.sampled_from(list(inside) if isinstance(inside, dict) else list(range(len(inside)))))
    after = jsontext.remove(text, (*box, key))
    expected = load(text)
    del at(expected, box)[key]
    assert load(after) == expected
    cut = len(text) - len(after)
    assert any(text[:n] + text[n + cut :] == after for n in range(len(after) + 1))


@given(texts)
def test_what_json_accepts_is_loaded(text):
    assert jsontext.load(text, "x") == json.loads(text.removeprefix(jsontext.BOM), parse_int=float)


@given(st.text(max_size=30) | texts.flatmap(lambda t: st.integers(0, len(t)).map(lambda n: t[:n])))
@example("NaN")
@example("[1, Infinity]")
@example('{"a": 1} x')
def test_what_is_not_json_is_refused_with_its_place(text):
    try:
        json.loads(text.removeprefix(jsontext.BOM), parse_constant=lambda name: 1 / 0)
    except (ValueError, ZeroDivisionError):
        with pytest.raises(FatalError, match=r"^the file, line \d+, column \d+: "):
            jsontext.load(text, "the file")


@pytest.mark.parametrize(
    ("text", "path", "value", "after"),
    [
        ("{}\n", ("a",), [1], '{\n  "a": [\n    1\n  ]\n}\n'),
        ("{\n}\n", ("a",), 1, '{\n  "a": 1\n}\n'),
        ('{"a":["b"]}', ("a", 1), "c", '{"a":["b","c"]}'),
        ('{"a": ["b"]}', ("a", 1), {"c": 1}, '{"a": ["b", {"c": 1}]}'),
        ('{\n\t"a": {\n\t\t"b": []\n\t}\n}', ("a", "c"), {"d": 1}, None),
        ('{\r\n "a": 1\r\n}', ("b",), {"c": 2}, '{\r\n "a": 1,\r\n "b": {\r\n  "c": 2\r\n }\r\n}'),
        ('{\n"a": 1\n}', ("b",), {"c": 2}, '{\n"a": 1,\n"b": {\n"c": 2\n}\n}'),
        ('{\n  "a": 1,\n\n  "b": 2\n}', ("c",), 3, '{\n  "a": 1,\n\n  "b": 2,\n  "c": 3\n}'),
        ('{\n  "a": ["x"]\n}', ("a", 1), "y", '{\n  "a": ["x", "y"]\n}'),
        ('{"a" : 1}', ("b",), 2, '{"a" : 1, "b" : 2}'),
        ("[ 1 ]", (1,), 2, "[ 1, 2 ]"),
        ('{"a": [1], "a": [2]}', ("a", 1), 3, '{"a": [1], "a": [2, 3]}'),
        ('\ufeff{\n  "ü": "→"\n}', ("ö",), "é", '\ufeff{\n  "ü": "→",\n  "ö": "é"\n}'),
    ],
)
def test_an_insertion_takes_on_the_style_around_it(text, path, value, after):
    after = after or '{\n\t"a": {\n\t\t"b": [],\n\t\t"c": {\n\t\t\t"d": 1\n\t\t}\n\t}\n}'
    assert jsontext.insert(text, path, value) == after


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ('{\n  "a": 1,\n  "b": 2\n}', ("b",), '{\n  "a": 1\n}'),
        ('{\n  "a": 1,\n  "b": 2\n}', ("a",), '{\n  "b": 2\n}'),
        ('{\n  "a": 1\n}', ("a",), "{}"),
        ("[1, 2 , 3]", (1,), "[1 , 3]"),
        ('{"a": 1, "a": 2}', ("a",), '{"a": 1}'),
    ],
)
def test_a_removal_leaves_the_rest_as_it_stands(text, path, after):
    assert jsontext.remove(text, path) == after


def test_a_container_that_becomes_empty_gets_its_white_space_back():
    assert jsontext.remove('{"a": {"b": 1}}', ("a", "b"), like='{"a": { }, "c": 1}') == '{"a": { }}'


@pytest.mark.parametrize("path", [("a",), ("b", 0), ("b", 2), ("x", "y"), ("n", "y")])
def test_an_insertion_needs_a_free_place_in_a_container(path):
    with pytest.raises(KeyError):
        jsontext.insert('{"a": 1, "b": [1], "n": null}', path, 0)


@pytest.mark.parametrize("path", [("c",), ("b", 1), ("b", -1), ("a", 0)])
def test_a_removal_needs_something_to_remove(path):
    with pytest.raises(KeyError):
        jsontext.remove('{"a": 1, "b": [1]}', path)


def test_depth_is_no_matter_for_an_edit_that_json_can_check():
    deep = '{"a": ' * 400 + "{}" + "}" * 400
    path = ("a",) * 400 + ("b",)
    assert jsontext.remove(jsontext.insert(deep, path, 1), path) == deep


def test_what_is_too_deep_is_refused_in_words():
    with pytest.raises(FatalError, match="the file: nested too deeply"):
        jsontext.load("[" * 200_000 + "]" * 200_000, "the file")


def test_a_number_of_any_length_is_json():
    assert jsontext.load("[1" + "0" * 5000 + "]", "x") == [float("inf")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n  "a": 1 // why\n}', "f, line 2, column 10: comments are not JSON"),
        ("/* why */ {}", "f, line 1, column 1: comments are not JSON"),
        ('{\n  "a": 1,\n}', "f, line 3, column 1: "),
        ('{"a": "b\n"}', "f, line 1, column 9: "),
        ("[0,\nNaN]", "f, line 2, column 1: NaN is not JSON"),
    ],
)
def test_an_error_names_file_line_and_column(text, message):
    with pytest.raises(FatalError) as error:
        jsontext.load(text, "f")
    assert str(error.value).startswith(message)


def test_bytes_that_are_not_utf8_are_refused_with_their_place():
    with pytest.raises(FatalError, match=r"^f, line 2, column 3: this is not UTF-8"):
        jsontext.decode(b"{\n\xc3\xa9 \xff}", "f")
