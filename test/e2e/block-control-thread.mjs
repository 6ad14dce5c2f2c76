// For NODE_OPTIONS=--import: the control thread does nothing for 300 ms of every second, as if it parsed a long list.
// Preloaded modules run in worker threads too: those are left alone.
import { isMainThread } from 'node:worker_threads';

if (isMainThread)
  setInterval(() => {
    const end = performance.now() + 300;
    while (performance.now() < end);
  }, 1000).unref();
