/** 128 + SIGPIPE, as a shell reports it. */
export const EXIT_SIGPIPE = 141;
/** 128 + SIGKILL. */
export const EXIT_SIGKILL = 137;
/** 128 + SIGTERM. */
export const EXIT_SIGTERM = 143;
/** 128 + SIGSEGV: OpenZFS 2.1 crashes when all datasets to snapshot are half-received ones. */
export const EXIT_SIGSEGV = 139;
