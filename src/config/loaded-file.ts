import type { RawConfig } from "../generated/raw-config.ts";
import { validate } from "../generated/validate-config.js";
import { coerce, type FormattedText } from "./coerce.ts";
import { explain } from "./explain.ts";
import { isRecord } from "./shape.ts";
import { SourceFile } from "./source.ts";

/** One config file after the schema has seen it. Whether `value` is a RawConfig, `source.problems` tells. */
export interface LoadedFile {
  readonly source: SourceFile;
  readonly value: Partial<RawConfig>;
  /** The texts whose grammar is still to be checked. */
  readonly texts: readonly FormattedText[];
}

/** Parses a file and reports everything that the schema finds wrong. */
export function loadText(file: string, text: string): LoadedFile {
  const source = new SourceFile(file, text);
  if (source.root === undefined) return { source, value: {}, texts: [] };
  const { value, texts } = coerce(source);
  if (!validate(value)) for (const error of validate.errors ?? []) explain(error, source);
  return { source, value: isRecord(value) ? (value as Partial<RawConfig>) : {}, texts };
}
