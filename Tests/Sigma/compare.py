#!/usr/bin/env python3
"""Prints what pySigma reads in the Sigma detection rules of a folder, one JSON line a rule.

    pip install pysigma
    python3 Tests/Sigma/compare.py Tests/Sigma/cases > Tests/Sigma/cases.jsonl
    python3 Tests/Sigma/compare.py FOLDER > /tmp/trees.jsonl
    CAIRN_PYSIGMA=/tmp/trees.jsonl swift test --filter PySigmaTests

A tree is ["and"|"or", tree...], ["not", tree] or ["is", field or null, value...]; null stands for a
rule that pySigma refuses. Groups within groups of the same kind are dissolved, what a group holds
is sorted, and text is given as its bytes: readable where that is UTF-8, else in hexadecimal.
"""
import json
import os
import sys

import yaml
from sigma import conditions as c
from sigma import types as t
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule


def literal(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "hex:" + data.hex()


def data(text):
    # The byte order mark is a character in pySigma; on the wire it is the two bytes FF FE.
    return b"\xff\xfe" + text[1:].encode() if text.startswith("\ufeff") else text.encode()


def string(value):
    parts, pending = [], b""
    for part in value.s:
        if isinstance(part, t.SpecialChars):
            if pending:
                parts.append(literal(pending))
            pending = b""
            parts.append(["*" if part == t.SpecialChars.WILDCARD_MULTI else "?"])
        elif isinstance(part, t.Placeholder):
            pending += f"%{part.name}%".encode()
        else:
            pending += data(part)
    if pending:
        parts.append(literal(pending))
    # Wildcards for any text next to each other are one.
    return [p for i, p in enumerate(parts) if i == 0 or p != ["*"] or parts[i - 1] != ["*"]]


def number(value):
    return str(value) if isinstance(value, int) else repr(float(value))


def values(value):
    """The value as written in a leaf."""
    if isinstance(value, t.SigmaCasedString):
        return ["cased", *string(value)]
    if isinstance(value, t.SigmaString):
        return ["text", *string(value)]
    if isinstance(value, t.SigmaTimestampPart):
        return [value.timestamp_part.name.lower(), number(value.number)]
    if isinstance(value, t.SigmaNumber):
        return ["number", number(value.number)]
    if isinstance(value, t.SigmaBool):
        return ["bool", value.boolean]
    if isinstance(value, t.SigmaExists):
        return ["exists", value.exists]
    if isinstance(value, t.SigmaNull):
        return ["null"]
    if isinstance(value, t.SigmaRegularExpression):
        flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
        return ["re", value.regexp.to_plain(regex=True), flags]
    if isinstance(value, t.SigmaCIDRExpression):
        return ["cidr", str(value.network)]
    if isinstance(value, t.SigmaCompareExpression):
        return [value.op.name.lower(), number(value.number.number)]
    if isinstance(value, t.SigmaFieldReference):
        where = {(False, False): "whole", (True, False): "prefix", (False, True): "suffix"}
        return ["field", value.field, where.get((value.starts_with, value.ends_with), "anywhere")]
    raise TypeError(type(value))


def group(kind, trees):
    flat = [s for tree in trees for s in (tree[1:] if tree[0] == kind else [tree])]
    flat = sorted(flat, key=lambda tree: json.dumps(tree))
    return flat[0] if len(flat) == 1 else [kind, *flat]


def leaf(field, value):
    if isinstance(value, t.SigmaExpansion):
        return group("or", [leaf(field, v) for v in value.values])
    return ["is", field, *values(value)]


def tree(node):
    if isinstance(node, c.ConditionAND):
        return group("and", [tree(a) for a in node.args])
    if isinstance(node, c.ConditionOR):
        return group("or", [tree(a) for a in node.args])
    if isinstance(node, c.ConditionNOT):
        return ["not", tree(node.args[0])]
    if isinstance(node, c.ConditionFieldEqualsValueExpression):
        return leaf(node.field, node.value)
    if isinstance(node, c.ConditionValueExpression):
        return leaf(None, node.value)
    raise TypeError(type(node))


def read(document):
    try:
        rule = SigmaRule.from_dict(document)
        return group("or", [tree(condition.parsed) for condition in rule.detection.parsed_condition])
    except SigmaError as error:
        print(f"{document.get('title')}: {error}", file=sys.stderr)
        return None


def main(folder):
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(n for n in names if n.endswith((".yml", ".yaml"))):
            path = os.path.join(root, name)
            with open(path, encoding="utf-8") as file:
                documents = list(yaml.safe_load_all(file))
            for index, document in enumerate(documents):
                if isinstance(document, dict) and "detection" in document:
                    line = {"path": path, "document": index, "tree": read(document)}
                    print(json.dumps(line, ensure_ascii=False))


main(sys.argv[1])
