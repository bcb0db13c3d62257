/** schemas/events.schema.json, as a consumer of `--json` would check lines with it. */
import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import type { Event } from "../../src/report/events.ts";

const PATH = new URL("../../schemas/events.schema.json", import.meta.url);

export const eventsSchema = JSON.parse(readFileSync(PATH, "utf8")) as {
  readonly $id: string;
  readonly oneOf: readonly { readonly $ref: string }[];
};

const isEvent = new Ajv({ strict: true, allowUnionTypes: true, formats: { "date-time": isTime } }).compile<Event>(
  eventsSchema,
);

/** @throws what is wrong with it */
export function validEvent(event: unknown): Event {
  if (isEvent(event)) return event;
  const problems = isEvent.errors?.filter(({ keyword }) => keyword !== "const" && keyword !== "oneOf");
  throw new Error(`${JSON.stringify(event)} is no event: ${JSON.stringify(problems, undefined, 1)}`);
}

/** The events of what a command with `--json` printed. @throws for a line that is none */
export function eventsOf(stdout: string): Event[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => validEvent(JSON.parse(line)));
}

function isTime(text: string): boolean {
  return new Date(text).toISOString() === text;
}
