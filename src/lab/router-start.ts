import type { Lab } from './lab.ts';
import type { Router, RouterConfig, RouterKind } from './router.ts';
import { startBird } from './router-bird.ts';
import { startFrr } from './router-frr.ts';
import { startGobgp } from './router-gobgp.ts';

/** A router of that kind in a host of the lab, which ends with the lab; resolves when it answers questions. */
export function startRouter(kind: RouterKind, lab: Lab, host: string, config: RouterConfig): Promise<Router> {
  return { bird: startBird, frr: startFrr, gobgp: startGobgp }[kind](lab, host, config);
}
