// Preloaded into `clarion standalone`: keeps its control thread busy 100 ms of every 250, as a list of 10,000 objects would.
// The wire thread preloads it too, and must not be touched by it.
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const list = JSON.stringify(Array.from({ length: 200 }, (_, i) => ({ name: `s${i}`, labels: { app: `s${i}` } })));
  setInterval(() => {
    const end = performance.now() + 100;
    while (performance.now() < end) JSON.parse(list);
  }, 250).unref();
}
