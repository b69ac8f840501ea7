"""What to do about rows that cannot be read, by their fault."""

from __future__ import annotations

from ontogeny.records.row import MAX_RECORD_BYTES, Fault

REMEDIES: dict[str, str] = {
    Fault.EMPTY_FILE: "narrow `path` so that it leaves empty files out, or fetch them again",
    Fault.INVALID_UTF8: "save the file as UTF-8, or say what it is (`examples` takes `encoding: windows-1252`)",
    Fault.INVALID_UNICODE: "write these rows anew: what made them cut characters in half",
    Fault.TOO_LONG: f"divide what is longer than {MAX_RECORD_BYTES >> 20} MiB into rows of its own, say chapters",
    Fault.NOT_JSON: "see that each line is one JSON object, and that `type` is what the file holds",
    Fault.NOT_AN_OBJECT: 'write each row as an object: `{"text": "..."}`',
    Fault.WRONG_COLUMN_COUNT: "see that fields with separators or line breaks in them stand in quotes",
    Fault.NOT_CSV: "see that quotes are closed, and doubled inside of fields",
    Fault.MISSING_COLUMN: "name the column in the recipe, e.g. `columns: {text: body}`",
    Fault.WRONG_TYPE: "name a column of text in the recipe, e.g. `columns: {text: body}`, or turn it into text",
    Fault.NOT_A_CONVERSATION: "see that turns alternate, and that each conversation ends with an answer",
    Fault.NOT_A_QUESTION: "see that each row has a question, choices that differ, and an answer among them",
    Fault.NO_LABEL: "give these rows a label, or take them out",
    Fault.NOT_A_LABEL: "name the column that holds names of classes: `columns: {label: ...}`",
    Fault.UNKNOWN_LABEL: "add the label to `labels` of the step, or correct these rows",
    Fault.EMPTY_TEXT: "look at the text column: `columns: {text: ...}` may name the wrong one",
    Fault.DAMAGED_COMPRESSION: "fetch the file again, or unpack it yourself and give the path of what it held",
    Fault.DAMAGED_FILE: "see that the files are what their source's `type` says, and fetch them again",
    Fault.NOT_FETCHED: "see that the addresses answer, and run it again",
}
