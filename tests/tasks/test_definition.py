"""What of lm-evaluation-harness's task files is read, and how everything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.tasks.catalogue import find_tasks
from tests.tasks.conftest import CHOOSING, Write


def test_defaults_are_those_of_harness(write: Write) -> None:
    definition = write().definition
    assert (definition.fewshot_delimiter, definition.target_delimiter) == ("\n\n", " ")
    assert (definition.split, definition.examples_split, definition.repeats) == ("test", "test", 1)
    assert write().num_fewshot == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("doc_to_txt: q", r"task.yaml:10: unknown key 'doc_to_txt'. Did you mean 'doc_to_text'"),
        ("dataset_path: cais/mmlu", r"task.yaml:9: dataset_path 'cais/mmlu' would be fetched from a hub"),
        ("dataset_path: jsonn", r"Did you mean 'json'"),
        (
            "process_docs: !function utils.process",
            r"process_docs is code \(`!function utils.process`\), .*not run",
        ),
        ("doc_to_text: !function utils.text", r"doc_to_text is code .*; write it as a template"),
        ("metric_list: [{metric: !function utils.f}]", r"task.yaml:10: metric_list.0.metric is code"),
        ("process_results: !function utils.f", r"scores come from metric_list"),
        ("doc_to_image: picture", r"'doc_to_image' is not supported: models here read text only"),
        ("use_prompt: promptsource", r"'use_prompt' is not supported"),
        ("dataset_kwargs: {data_file: x}", r"unknown key 'data_file'. Did you mean 'data_files'"),
        ("generation_kwargs: {untl: x}", r"unknown key 'untl'. Did you mean 'until'"),
        ("generation_kwargs: {temperature: -1}", r"generation_kwargs.temperature: .* \(got -1\)"),
        (
            "fewshot_config: {sampler: balanced}",
            r"fewshot_config.sampler: Input should be 'default' or 'first_n'",
        ),
        ("fewshot_config: {fewshot_indices: [1]}", r"unknown key 'fewshot_indices'"),
        ("test_split: null", r"it needs a test_split or a validation_split"),
        ("doc_to_choice: null", r"multiple_choice needs doc_to_choice"),
        ("doc_to_target: null", r"doc_to_target is missing"),
        ("doc_to_text: null", r'doc_to_text is missing: .* write doc_to_text: ""'),
        ("doc_to_text: null\noutput_type: loglikelihood", r"doc_to_text is missing"),
        ("doc_to_text: null\noutput_type: generate_until", r"doc_to_text is missing"),
        ("output_type: choice", r"output_type: Input should be"),
        ("num_fewshot: -1", r"num_fewshot: .*greater than or equal to 0 \(got -1\)"),
        ("repeats: 0", r"repeats: "),
        ("task: a/b", r"task: String should match pattern"),
        ("output_type: loglikelihood_rolling\nnum_fewshot: 2", r"takes no examples"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(write: Write, changes: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        write(changes)


def test_missing_keys_are_all_told(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("doc_to_text: q\n")
    with pytest.raises(
        RecipeError, match=r"'task' is missing\n.*'dataset_path' is missing\n.*'dataset_kwargs'"
    ):
        find_tasks(str(path))


def test_a_task_may_ask_nothing_where_it_says_so(write: Write, tmp_path: Path) -> None:
    assert write('doc_to_text: ""').definition.doc_to_text == ""
    assert write("doc_to_text: null\noutput_type: loglikelihood_rolling").definition.doc_to_text == ""
    (tmp_path / "included.yaml").write_text("doc_to_text: ''\n")
    base = CHOOSING.replace("doc_to_text: q\n", "")
    assert write("include: included.yaml", base=base).definition.doc_to_text == ""


def test_keys_without_effect_are_told(write: Write, tmp_path: Path) -> None:
    write("dataset_name: main\nshould_decontaminate: true")
    notes = find_tasks(str(tmp_path / "task.yaml")).notes
    assert [note.split(": ", 1)[1].split(" ")[0] for note in notes] == [
        "dataset_name",
        "should_decontaminate",
    ]
    assert notes[0].startswith(f"{tmp_path / 'task.yaml'}:")


def test_a_path_stands_for_the_kind_of_file(write: Write) -> None:
    definition = write("dataset_path: ./rows.jsonl\ndataset_kwargs: null").definition
    assert (definition.dataset_path, definition.dataset_kwargs.data_files) == ("json", "./rows.jsonl")


def test_other_names_of_the_longest_answer(write: Write) -> None:
    generation = write("generation_kwargs: {max_new_tokens: 7, until: '.', temperature: 0.5}").definition
    assert generation.generation_kwargs.max_gen_toks == 7
    assert (generation.generation_kwargs.until, generation.generation_kwargs.heat) == ((".",), 0.5)
    cold = write("generation_kwargs: {do_sample: false, temperature: 0.5}").definition
    assert cold.generation_kwargs.heat == 0.0


def test_the_digest_is_of_what_decides(write: Write) -> None:
    digest = write().definition.digest
    assert write("task: other\ntask_alias: x\nmetadata: {version: 2}").definition.digest == digest
    assert write("metadata: {cluster: topic}").definition.digest != digest
    assert write("target_delimiter: ''").definition.digest != digest
