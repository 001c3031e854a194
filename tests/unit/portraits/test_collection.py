"""portraits.toml: license, rules, split, and errors that show an example."""

import pytest

from fau_tf.portraits.collection import CollectionError, load_collection, parts, photos

LICENSE = 'license = "CC0 1.0"\nattribution = "Jane Doe"\n'


@pytest.fixture
def folder(tmp_path):
    for name in ("neutral/01_a.jpg", "neutral/02_a.JPG", "smiling/01_b.png", "notes.txt"):
        path = tmp_path / "faces" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "faces"


def described(folder, text=LICENSE):
    (folder / "portraits.toml").write_text(text)
    return load_collection(folder)


def test_rules_tell_person_and_expression(folder):
    collection = described(
        folder,
        LICENSE + '[[rule]]\nfiles = "neutral/*"\nexpression = "neutral"\nsubject = \'^(\\d+)_\'\n'
        "[[rule]]\nexpression = 'smiling'\nsubject = '^(\\d+)_'\nintensity = {AU12 = 3}\n",
    )
    rows = [(one.source, one.subject, one.expression) for one in photos(collection)]
    assert rows == [
        ("faces/neutral/01_a.jpg", "faces/01", "neutral"),
        ("faces/neutral/02_a.JPG", "faces/02", "neutral"),
        ("faces/smiling/01_b.png", "faces/01", "smiling"),
    ]
    assert photos(collection)[2].intensity == {12: 3.0}


def test_a_rule_may_leave_photos_out(folder):
    rows = photos(described(folder, LICENSE + "[[rule]]\nfiles = '02*'\nskip = true\n"))
    assert [one.skip for one in rows] == [False, True, False]


def test_without_rules_nothing_is_known_and_each_photo_is_a_person(folder):
    rows = photos(described(folder))
    assert {one.expression for one in rows} == {"unknown"}
    assert len({one.subject for one in rows}) == 3
    assert {one.part for one in rows} == {"train"}


def test_a_file_elsewhere_may_name_the_folder(folder):
    path = folder.parent / "elsewhere.toml"
    path.write_text(LICENSE + 'folder = "faces"\nname = "mine"\n')
    collection = load_collection(path)
    assert (collection.name, len(photos(collection))) == ("mine", 3)


def test_people_are_split_in_file_order():
    people = [f"p{i}" for i in range(10)]
    split = parts(people, test_every=3, validation_every=3)
    assert [one for one in people if split[one] == "test"] == ["p0", "p3", "p6", "p9"]
    assert [one for one in people if split[one] == "validation"] == ["p1", "p5"]
    assert set(parts(people, test_every=0, validation_every=0).values()) == {"train"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("attribution = 'x'", "`license` must be stated"),
        ("license = 'x'", "`attribution` must be stated"),
        ("license =", "must be readable TOML"),
        (LICENSE + "licence = 'x'", "unknown settings licence"),
        (LICENSE + "[[rule]]\nexpression = 'sad'", "`expression` must be one of"),
        (LICENSE + "[[rule]]\nsubject = '('", "must be a regular expression"),
        (LICENSE + "[[rule]]\nsubject = 'x'", "must have a group"),
        (LICENSE + "[[rule]]\nfile = 'x'", "unknown settings rule.file"),
        (LICENSE + "[[rule]]\nfiles = ''", r"`files` must be a pattern .*Received: ''"),
        (LICENSE + "[[rule]]\nfiles = './'", r"`files` must be a pattern .*Received: './'"),
        (LICENSE + "[[rule]]\nfiles = '/photos/*'", r"`files` .*Received: '/photos/\*'"),
        (LICENSE + "[[rule]]\nfiles = '../*'", r"`files` .*Received: '../\*'"),
        (LICENSE + "[[rule]]\nskip = 'x'", "`skip` true or false"),
        (LICENSE + "[[rule]]\nintensity = {AU12 = 7}", "`intensity` must be 0 to 5"),
        (LICENSE + "[[rule]]\nintensity = {AU3 = 1}", "`intensity` must be 0 to 5"),
        (LICENSE + "[split]\ntest_every = -1", "`test_every` must be a whole number"),
        (LICENSE + "folder = 'nowhere'", "`folder` must be a folder"),
        (LICENSE + "name = 'a/b'", "`name` must be letters"),
    ],
)
def test_a_wrong_file_is_refused_with_an_example(folder, text, words):
    with pytest.raises(CollectionError, match=words) as error:
        described(folder, text)
    assert '`license = "CC BY 4.0"` and `attribution = "Jane Doe, 2024"`' in str(error.value)


def test_no_photo_is_used_without_its_license(folder):
    with pytest.raises(CollectionError, match="no portrait is used without its license"):
        load_collection(folder)


@pytest.mark.parametrize("subject", ["(x)", "(x)?", "(x?)", "(x)|01"])
def test_a_name_that_no_person_fits_is_an_error(folder, subject):
    collection = described(folder, LICENSE + f"[[rule]]\nsubject = '{subject}'\n")
    with pytest.raises(CollectionError, match=r"does not fit '01_a\.jpg'"):
        photos(collection)


def test_the_error_about_a_name_is_of_the_file_that_states_the_rule(folder):
    path = folder.parent / "elsewhere.toml"
    path.write_text(LICENSE + "folder = 'faces'\n[[rule]]\nsubject = '(x)'\n")
    with pytest.raises(CollectionError) as error:
        photos(load_collection(path))
    assert str(error.value).startswith(f"{path}: `subject` = '(x)' does not fit '01_a.jpg'")


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(CollectionError, match="no photo"):
        photos(described(tmp_path))
    with pytest.raises(CollectionError, match="no such folder"):
        load_collection(tmp_path / "nowhere")
