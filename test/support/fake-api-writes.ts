import type { FakeAnswer, FakeRequest, FakeStore } from './fake-api-server.ts';

/** POST, PUT, PATCH and DELETE of the fake API server. */
export function answerWrite(_store: FakeStore, request: FakeRequest): FakeAnswer {
  return {
    code: 405,
    body: { kind: 'Status', status: 'Failure', message: `no ${request.method} here yet`, code: 405 },
  };
}
