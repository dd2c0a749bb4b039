/** Successful answers. */
import { stringifyJson } from '../../lib/core/json.ts';
import type { HttpContext } from './create-app.ts';

export interface AnswerOptions {
  readonly status?: 200 | 201 | 202;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A JSON object with `requestId` as its last member; bigints as exact integers. Status 200 unless told. */
export function answerJson(c: HttpContext, body: object, options: AnswerOptions = {}): Response {
  const headers = { 'content-type': 'application/json', ...options.headers };
  return new Response(stringifyJson({ ...body, requestId: c.get('requestId') }), { status: options.status ?? 200, headers });
}
