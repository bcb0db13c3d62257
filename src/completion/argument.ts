/** The hidden first argument with which the completion scripts of shells ask; it is yargs's. */
export const COMPLETION_ARGUMENT = "--get-yargs-completions";
