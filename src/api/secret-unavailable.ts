/** Why a Secret cannot be read, in words that may be shown: they hold its name, and nothing of what is in it. */
export class SecretUnavailable extends Error {}
