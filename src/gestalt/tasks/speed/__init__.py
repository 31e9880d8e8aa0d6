"""How sped-up a video looks, and a speed-up of exact duration that stays natural."""
