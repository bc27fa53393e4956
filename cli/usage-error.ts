/** The command line is wrong; the message says in what, without a stack trace. */
export class UsageError extends Error {}
