import { expect, test } from "vitest";
import { load, problemsOf } from "./files.ts";

/** Not in invalid/: the linter, too, wants YAML there that can be parsed. */
test.each([
  [
    "a wrong indentation is one problem, not all that follow from it",
    "jobs:\n  - type: snap\n   name: a\n  - b\n",
    ["/c.yml:3:1: document: not valid YAML: Sequence item without - indicator"],
  ],
  [
    "an unquoted cron line is told to be quoted",
    "jobs:\n- snapshotting:\n    cron: * * * * * *\n",
    [
      "/c.yml:3:11: document: not valid YAML: Alias cannot be an empty string; a text that starts with this character must be quoted",
    ],
  ],
  [
    "a tab as indentation",
    "jobs:\n\t- a\n",
    ["/c.yml:2:1: document: not valid YAML: Tabs are not allowed as indentation"],
  ],
])("%s", async (_name, text, problems) => {
  expect(await problemsOf(load(text))).toEqual(problems);
});
