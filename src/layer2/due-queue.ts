export { DueQueue } from '../base/due-queue.ts';
