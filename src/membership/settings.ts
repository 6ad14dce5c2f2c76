import { type Milliseconds, ms, seconds } from '../base/clock.ts';

/** How fast silence is noticed, and what it costs. All of one cluster use the same one. */
export interface Profile {
  /** One member is probed each period. */
  readonly period: Milliseconds;
  /** Without an answer by then, after the probe began, others are asked to probe the member too. */
  readonly directTimeout: Milliseconds;
  /** Without an answer by then, after the probe began, it is suspected. */
  readonly indirectTimeout: Milliseconds;
  /** A suspect that stays silent for so long is dead. */
  readonly suspicion: Milliseconds;
}

/** Detection in 0.43 s at most with 3 members; a stall of the whole process above 230 ms is a death. */
export const DEFAULT_PROFILE: Profile = {
  period: ms(100),
  directTimeout: ms(40),
  indirectTimeout: ms(80),
  suspicion: ms(150),
};

/** Detection in 0.17 s at most with 3 members; a stall above 90 ms is a death, so it wants a node with time to spare. */
export const FAST_PROFILE: Profile = {
  period: ms(40),
  directTimeout: ms(15),
  indirectTimeout: ms(30),
  suspicion: ms(60),
};

/** So many others are asked to probe a member that did not answer. */
export const HELPERS = 3;
/** With fewer members, this one included, nobody can confirm a suspicion in time: it does not start high. */
export const FEWEST_TO_CONFIRM = 5;
/** Where it does, it starts at so many times the profile's suspicion. */
export const HIGH_SUSPICION = 3;
/** So many helpers that got no answer either bring it down to the profile's. */
export const CONFIRMATIONS = 2;
/** A suspect is told so many times within its suspicion. */
export const TELLS = 6;
/** Lifeguard's local health: our own time-outs grow by one time themselves for each point. */
export const WORST_HEALTH = 8;

/** Up to so many members are told of a death or a departure directly; above, whoever hears it passes it on. */
export const MOST_TOLD_DIRECTLY = 128;
export const PASSED_ON_TO = 6;
/** In one probe or answer. */
export const PIGGYBACKED = 6;
/** A death is told as a confirmed one for so long: later whoever hears of it finds out by itself. */
export const DEATH_IS_NEWS = ms(300);

/** A greeting that is not answered is repeated after these, and then whenever the turn of the absent comes. */
export const GREETING_REPEATS: readonly Milliseconds[] = [ms(50), ms(100), ms(200), ms(400)];
export const GREETING_TICK = ms(10);
export const GREETINGS_A_TICK = 32;
/** A nonce of ours is good for an answer for twice so long. */
export const NONCE_LIFE = seconds(1);
export const MOST_CHALLENGES = 1024;
/** Greetings of members that we know nothing of, or think dead, and that speak to us as if we knew them. */
export const STRANGER_INTERVAL = ms(50);
export const STRANGERS_A_SECOND = 200;

export const DUPLICATE_INTERVAL = seconds(10);
/** The one that came later comes again and again; in a large cluster not to the same member each time. */
export const DUPLICATE_FORGOTTEN = seconds(30);
/** Who was told that its name is another's tries again when it was not told so for this long; as long as it asks, it is told several times a second. */
export const NAME_TAKEN_LASTS = seconds(3);

/** Payloads under way to one member. A socket's receive buffer has room for the windows of several. */
export const PAYLOAD_WINDOW = 24;
export const FIRST_RETRANSMISSION = ms(20);
export const LONGEST_RETRANSMISSION = ms(200);

/** A difference of digests must last so long; then it is told, and again after this while it lasts. */
export const DIFFERENCE_LASTS = ms(100);
export const DIFFERENCE_REPEATS = ms(500);
export const SYNC_FIRST = ms(500);
export const SYNC_LONGEST = seconds(30);

/** A departure is told so often, this long after another. */
export const DEPARTURE_TELLS = 3;
export const DEPARTURE_INTERVAL = ms(20);
