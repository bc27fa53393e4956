/** An invalid command line; only the message is printed, without a stack trace. */
export class UsageError extends Error {}
