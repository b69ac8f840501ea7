"""Classifier, personal data and toxic words on real text; the figures in full are those of the benchmarks."""

import csv
import json

from ontogeny.data.classifier import train_classifier
from ontogeny.data.pii.find import find_pii
from ontogeny.data.pii.kinds import KINDS
from ontogeny.data.rules.toxicity import MAX_RATE
from ontogeny.data.signals.toxicity import TOXIC_WORD_RATE, toxicity_signals
from ontogeny.data.texts import Texts
from tests.tokenizer.real_data import real_file, real_texts


def test_spam_is_told_from_ham() -> None:
    lines = real_file("sms-spam/SMSSpamCollection.tsv").read_text().splitlines()
    pairs = [line.split("\t", 1) for line in lines]
    sets = [Texts.of([text for label, text in pairs if label == wanted]) for wanted in ("spam", "ham")]
    figures = train_classifier(*sets).figures
    assert figures.accuracy > 0.97 and figures.auc > 0.97 and figures.calibration_error < 0.05


def test_marked_personal_data_is_found() -> None:
    sentences = json.loads(real_file("pii/synth_dataset_v2.json").read_text())
    texts = Texts.of([each["full_text"] for each in sentences])
    found = find_pii(texts)
    for kind, marked, least in [
        ("email", "EMAIL_ADDRESS", 1),
        ("iban", "IBAN_CODE", 1),
        ("card", "CREDIT_CARD", 0.9),
    ]:
        there = sum(span["entity_type"] == marked for each in sentences for span in each["spans"])
        hits = int((found.kind == KINDS.index(kind)).sum())
        assert least * there <= hits <= there, kind


def test_books_hold_no_personal_data() -> None:
    assert len(find_pii(Texts.of(real_texts("books/books.jsonl.gz", 5_000_000)), KINDS)) == 0


def test_books_stay_and_most_abuse_goes_by_the_word_list() -> None:
    compute = toxicity_signals().compute
    books = compute(Texts.of(real_texts("books/books.jsonl.gz", 5_000_000)))[TOXIC_WORD_RATE]
    assert books.max() < MAX_RATE
    with real_file("toxicity/labeled_data.csv").open(newline="") as lines:
        tweets = [(row["class"] != "2", row["tweet"]) for row in csv.DictReader(lines)]
    for toxic, low, high in [(True, 0.7, 1), (False, 0, 0.1)]:
        rates = compute(Texts.of([text for wanted, text in tweets if wanted == toxic]))[TOXIC_WORD_RATE]
        assert low <= (rates > MAX_RATE).mean() <= high
