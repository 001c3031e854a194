"""Choice of the accelerator, unpacked networks, spoken text: the app's Kotlin on the JVM.

The models of the first tests are fakes with given outputs, so no GPU is needed.
"""

import pytest

from tests.helpers import jvm_kotlin
from tests.helpers.golden_files import ASSETS

pytestmark = pytest.mark.gpu

ON_GPU = ("the CPU's numbers", "numbers within the tolerance", "float16 numbers", "default numbers")
WRONG = {
    "other numbers": "within 0.001 of the largest number. Received: 0.00102.",
    "NaN": "within 0.001 of the largest number. Received: NaN.",
    "other float16 numbers": "within 0.1 of the largest number. Received: 0.125.",
}
FAILED = {
    "an error of LiteRT": "no GPU",
    "an error of Java": "no buffer",
    "a missing library": "no gpu_jni",
    "no memory": "heap",
}
"""Outputs, or failure, of a GPU -> part of the reason for the CPU."""


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    if reason := jvm_kotlin.lacking():
        pytest.skip(reason)
    return jvm_kotlin.run("behavior", ASSETS, tmp_path_factory.mktemp("behavior"))


@pytest.mark.parametrize("outputs", ON_GPU)
def test_a_gpu_with_the_cpus_numbers_is_taken(outputs, printed):
    assert printed[f"GPU of {outputs}"] == "1 open, GPU (null)"


@pytest.mark.parametrize("outputs", WRONG)
def test_a_gpu_with_other_numbers_is_not_and_the_reason_has_the_difference(outputs, printed):
    line = printed[f"GPU of {outputs}"]
    assert line.startswith("1 open, CPU (This device's GPU computes net wrongly: ")
    assert WRONG[outputs] in line


@pytest.mark.parametrize("failure", FAILED)
def test_a_gpu_that_fails_in_any_way_leads_to_the_cpu(failure, printed):
    reason = f"This device's GPU can't run net: {FAILED[failure]}"
    assert printed[f"GPU of {failure}"] == f"1 open, CPU ({reason})"


def test_a_bug_of_the_virtual_machine_is_not_caught_and_nothing_stays_open(printed):
    line = printed["GPU of a bug of the virtual machine"]
    assert line == "0 open, java.lang.InternalError: bug"


def test_a_cpu_that_fails_is_a_sentence_and_nothing_stays_open(printed):
    for name, rule in {
        "a missing LiteRT": "net: the app must contain LiteRT's native library for this phone.",
        "a CPU that fails": "net: LiteRT must be able to load the model on the CPU.",
    }.items():
        assert printed[f"GPU of {name}"].startswith(f"0 open, dev.fau.FauException: {rule}")


def test_a_model_for_the_cpu_replaces_that_for_the_gpu_which_is_not_opened_there_again(printed):
    wrong, failed = "other numbers beside int8", "an error of LiteRT beside int8"
    assert printed[f"GPU of {wrong}"].startswith("1 open, CPU (This device's GPU computes net ")
    assert printed[f"opened for {wrong}"] == "net GPU, net CPU, int8 CPU", "once, to compare"
    assert printed[f"GPU of {failed}"] == "1 open, CPU (This device's GPU can't run net: no GPU)"
    assert printed[f"opened for {failed}"] == "int8 CPU"
    assert printed["GPU of the CPU's numbers beside int8"] == "1 open, GPU (null)"
    assert printed["opened for the CPU's numbers beside int8"] == "net GPU, net CPU"


def test_a_model_for_the_cpu_runs_even_if_that_for_the_gpu_fails_on_the_cpu(printed):
    name = "a CPU that fails beside int8"
    assert printed[f"GPU of {name}"].startswith("1 open, CPU (")
    assert printed[f"opened for {name}"] == "net GPU, int8 CPU"


def test_networks_are_written_once_and_again_if_they_are_broken(printed):
    assert printed["unpacked again"] == "[1000, 1000]", "the time of the first writing, ms"
    assert printed["unpacked over broken files"] == "[true, true]"


def test_what_a_killed_process_left_is_deleted_but_no_young_file_which_may_be_in_use(printed):
    others = ["a.new", "face_detector.tflite3.old"]
    kept = ["face_detector.tflite", "face_detector.tflite4.new", "face_landmarks_detector.tflite"]
    found = printed["files after a killed process"].strip("[]").split(", ")
    assert sorted(found) == sorted(others + kept)


def test_several_workers_unpack_at_once_and_leave_no_other_file(printed):
    assert printed["failures of eight threads"] == "[]"
    assert printed["unpacked by eight threads"] == "[true, true]"
    files = printed["files after all"]
    assert files == "[face_detector.tflite, face_landmarks_detector.tflite]"


@pytest.mark.parametrize(
    ("name", "received"), {"0 faces": "0 and [1]", "division 0": "1 and [1, 0]"}.items()
)
def test_a_reader_checks_its_numbers_before_it_opens_a_network(name, received, printed):
    """There are no assets here: anything opened first would be the error instead."""
    assert f"must be 1 or more. Received: {received}. " in printed[f"reader of {name}"]


def test_every_failure_that_the_app_outlives_is_a_sentence(printed):
    closing = "Close the app and open it again."
    assert printed["sentence of UnsatisfiedLinkError"] == f"no litert_jni. {closing}"
    assert printed["sentence of OutOfMemoryError"].startswith("The phone is out of memory. Close ")
    illegal = printed["sentence of IllegalStateException"]
    assert illegal == f"java.lang.IllegalStateException. {closing}"


def test_a_neutral_face_is_subtracted_within_the_scale_and_intervals_are_left_out(printed):
    assert printed["above neutral"] == "[2.0, 0.0, 0.5] null"


def test_the_three_strongest_reliable_aus_are_spoken(printed):
    first, second, _, fourth = printed["named"].split(", ")
    assert printed["strongest of four"] == f"{second} 4, {fourth} 2, {first} 1."
    assert printed["strongest of one"] == f"{second} 1."
    assert printed["strongest of none"] == "No movement.", "AUs of low reliability are left out"


def test_results_are_spoken_every_five_seconds_and_texts_at_once(printed):
    """Last words of what is said at 0, 0.9, 1, 5, 10, 10, 10.1, 10.2, 15, 20 and 30 s."""
    said = ["Loading.", "-", "-", "Status.", "-", "face.", "-", "-", "Status.", "-", "-"]
    assert printed["said"].split(" | ")[:11] == said


def test_a_text_is_spoken_with_a_result_only_if_it_has_changed(printed):
    """Last words at 35 to 55 s; a digit is the intensity of an AU, without a text after it."""
    assert printed["said"].split(" | ")[11:] == ["2.", "-", "Other.", "1.", "Other.", "1."]
