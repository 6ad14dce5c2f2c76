/** BFD has one port: whoever listens at it in this namespace is alone, so both routers are asked from one file, one after the other. */
import './bfd-bird.ts';
import './bfd-frr.ts';
