import { Errors } from 'isomorphic-git';
import { AnswerTooLarge, type GitHttpLimits } from './git-http.ts';
import { TookTooLong } from './pace.ts';
import { ServerGaveUp } from './pack-answer.ts';
import { type PackLimits, PackTooLarge } from './pack-check.ts';

/** Which tree of which repository. */
export interface GitLocation {
  /** http(s) or file URL without credentials. */
  readonly repository: string;
  readonly branch: string;
  /** Folder inside the repository; empty: its root. */
  readonly path: string;
}

/** What a repository may ask of the operator's memory and time. */
export interface GitLimits extends GitHttpLimits, PackLimits {
  readonly files: number;
  /** Of one file. */
  readonly fileBytes: number;
  /** Of all manifests of a commit together. */
  readonly totalBytes: number;
  /** Folders that are looked into; one that is listed twice counts twice. */
  readonly folders: number;
  /** Folders in one another. */
  readonly depth: number;
  /** Of unpacking a tip, and of reading its files, in milliseconds each. */
  readonly workMs: number;
}

/** What went wrong, in a sentence for the GitSync's status. */
export class GitSourceError extends Error {
  readonly code:
    | 'Unreachable'
    | 'Unauthorized'
    | 'InvalidBranch'
    | 'NoSuchBranch'
    | 'NoSuchPath'
    | 'TooLarge'
    | 'Broken';

  constructor(code: GitSourceError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }

  /** Whether it says what Git declares, or that it declares nothing; where not, what it declared last may still be true. */
  get isAnswer(): boolean {
    return ['InvalidBranch', 'NoSuchBranch', 'NoSuchPath', 'TooLarge'].includes(this.code);
  }

  /** The same commit fails in the same way each time; one that took too long may have met a busy machine. */
  get isForGood(): boolean {
    return this.code === 'NoSuchPath' || (this.code === 'TooLarge' && !(this.cause instanceof TookTooLong));
  }
}

/** The repository answers, and has no such branch. */
export function noSuchBranch({ branch, repository }: GitLocation): GitSourceError {
  return new GitSourceError('NoSuchBranch', `branch ${branch} does not exist in ${repository}`);
}

/** Words any failure without repeating what a server sent: it may be any server, asked with somebody's credentials. */
export function asSourceError(error: unknown, at: GitLocation, limits: GitLimits): GitSourceError {
  if (error instanceof GitSourceError) return error;
  const { repository } = at;
  const said = (code: GitSourceError['code'], message: string) => new GitSourceError(code, message, error);
  if (error instanceof Errors.HttpError) {
    const { statusCode } = error.data;
    if (statusCode === 401 || statusCode === 403)
      return said('Unauthorized', `${repository} refuses the credentials (${statusCode}); check secretRef`);
    return said('Unreachable', `${repository} answers ${statusCode}`);
  }
  if (error instanceof Errors.UserCanceledError)
    return said('Unauthorized', `${repository} asks for credentials; set secretRef`);
  if (error instanceof Errors.NotFoundError) return noSuchBranch(at);
  if (error instanceof Errors.SmartHttpError)
    return said('Broken', `${repository} answers, but not as a Git repository does; check spec.repository`);
  if (error instanceof AnswerTooLarge)
    return said(
      'TooLarge',
      `the tip of ${at.branch} in ${repository} is larger than ${limits.maxBytes} bytes; keep manifests in a repository of their own`,
    );
  if (error instanceof ServerGaveUp) return said('Broken', `${repository} gave up while it answered: ${error.message}`);
  if (error instanceof PackTooLarge)
    return said(
      'TooLarge',
      `the tip of ${at.branch} in ${repository} ${error.message}; keep manifests in a repository of their own`,
    );
  if (error instanceof TookTooLong)
    return said(
      'TooLarge',
      `the tip of ${at.branch} in ${repository} takes more than ${limits.workMs / 1000} s to read; narrow spec.path, or keep manifests in a repository of their own`,
    );
  if (error instanceof Error && error.name === 'TimeoutError')
    return said('Unreachable', `${repository} did not answer within ${limits.timeoutMs / 1000} s`);
  const code = codeOf(error) ?? codeOf((error as { cause?: unknown } | null)?.cause);
  if (
    code !== undefined &&
    /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EPIPE|EHOST|ENET|UND_|ERR_TLS|CERT_|DEPTH_|SELF_|UNABLE_)/.test(code)
  )
    return said('Unreachable', `${repository} cannot be reached (${code})`);
  return said('Broken', `${repository} cannot be read (${error instanceof Error ? error.name : 'unknown error'})`);
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
