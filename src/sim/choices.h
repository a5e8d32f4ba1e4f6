/* What is left to chance in a simulated call: every choice that a world makes has a name here. Of each the calmest
 * outcome is 0 (no, the first, the least), so that a world in which few outcomes are something else is one in which
 * little happens; sim/tape.h writes such worlds down. */
#ifndef SIM_CHOICES_H
#define SIM_CHOICES_H

/* X(symbol, name): the name is that of a tape's text. */
#define SIM_CHOICES(X)                                                                \
    /* the plan: its network, rules and agents */                                     \
    X(NETWORK, "network")                                                             \
    X(RULES, "rules")                                                                 \
    X(AILING, "ailing")             /* not every agent process behaves */             \
    X(STUBBORN, "stubborn")         /* all of them misbehave alike … */             \
    X(HABIT, "habit")               /* … so */                                      \
    X(HASTY, "hasty")               /* what goes wrong in the call does so at once */ \
    X(UNASKED, "unasked")           /* there is no LiveKit client */                  \
    X(API_FAILS, "api-fails")       /* now and then */                                \
    X(LAGS, "lags")                 /* ListRooms counts people late … */            \
    X(LAG, "lag-ms")                /* … so late */                                 \
    X(ODD_LISTS, "odd-lists")       /* five in a row, not one */                      \
    X(ODD_IS_HALF, "odd-is-half")   /* half of a list is missing, not all */          \
    X(FULL, "memory-short")         /* of the machine: new calls are hung up */       \
    X(BEGINS_LATE, "begins-late")   /* the first call … */                          \
    X(BEGINS, "begins-ms")          /* … then */                                    \
    X(LOSSES, "dies")               /* the bridge, all but its journal … */         \
    X(LOSS_RATE, "dies-often")      /* … so often … */                            \
    X(LOSSES_WITHIN, "dies-midway") /* … also between two port operations */        \
    /* its callers */                                                                 \
    X(SHARED_ROOM, "shared-room")                                                     \
    X(OWN_ROOMS, "own-rooms")                                                         \
    X(NO_CALLER, "no-caller") /* a room that no phone is in */                        \
    X(CALLERS, "callers")     /* more than one */                                     \
    X(APART, "apart")         /* the next one comes much later … */                 \
    X(NEXT_AT, "next-ms")     /* … or so much later */                              \
    X(STAYS_LONG, "stays-long")                                                       \
    X(STAYS, "stays-ms")                                                              \
    X(STAYS_HOURS, "stays-hours")                                                     \
    X(LOSES_LINE, "loses-line")                                                       \
    X(BACK_AFTER, "back-ms")                                                          \
    X(SPAM, "spam")                   /* through no trunk */                          \
    X(HIDDEN, "hidden")               /* no numbers are told */                       \
    X(ODD_TRUNK, "odd-trunk")         /* its trunk has not one number … */          \
    X(UNKNOWN_TRUNK, "unknown-trunk") /* … but is not known, else has several */    \
    X(BLOCKED, "blocked")                                                             \
    X(SALES, "sales")     /* the number of the other agent */                         \
    X(NOBODYS, "nobodys") /* the number of an agent that is not there */              \
    /* what befalls, and when */                                                      \
    X(RESTARTS, "livekit-restarts")                                                   \
    X(RESTART_AT, "restart-ms")                                                       \
    X(RESTART_TIME, "away") /* for 1, 4, 20, 60 s */                                  \
    X(FORGETS, "forgets")   /* it loses its Redis */                                  \
    X(ODD_LIST, "odd-list")                                                           \
    X(ODD_LIST_AT, "odd-list-ms")                                                     \
    X(OTHER_BRIDGE, "other-bridge")                                                   \
    X(OTHER_BRIDGE_AT, "other-bridge-ms")                                             \
    X(OPERATOR, "operator") /* stops the call */                                      \
    X(OPERATOR_AT, "operator-ms")                                                     \
    X(OUTBOUND, "outbound") /* the agent dials a human */                             \
    X(OUTBOUND_AT, "outbound-ms")                                                     \
    X(HANDS_OVER, "hands-over") /* … and leaves the caller to them */               \
    X(EGRESS, "egress")                                                               \
    X(EGRESS_AT, "egress-ms")                                                         \
    X(RULES_LATE, "rules-late")                                                       \
    X(RULES_AT, "rules-ms")                                                           \
    X(NEW_RULES, "new-rules")                                                         \
    X(NEW_RULES_AT, "new-rules-ms")                                                   \
    X(WHICH_RULES, "which-rules")                                                     \
    X(REDIS_STOPS, "redis-stops") /* new rules come when it is back … */            \
    X(REDIS_STOPS_AT, "redis-stops-ms")                                               \
    X(REDIS_AWAY, "redis-away-ms") /* … so much later */                            \
    /* webhooks */                                                                    \
    X(LOST, "lost")                                                                   \
    X(TWICE, "twice")                                                                 \
    X(AGAIN_AFTER, "again-ms")                                                        \
    X(LATE, "late")                                                                   \
    X(DELAY, "delay-ms")                                                              \
    /* questions to LiveKit */                                                        \
    X(API_WAY, "api-ms")                                                              \
    X(API_FAILURE, "api-failure")                                                     \
    X(API_FAILS_HOW, "api-fails-how") /* refused, or done and lost or unreadable */   \
    /* people */                                                                      \
    X(MUTE, "mute")              /* their audio never comes … */                    \
    X(SLOW_VOICE, "slow-voice")  /* … or late … */                                \
    X(VOICE_AFTER, "voice-ms")   /* … then */                                       \
    X(ENTERS_AFTER, "enters-ms") /* a caller, after its room */                       \
    X(CROSSES, "crosses")        /* the agent leaves as another caller comes */       \
    X(SECOND_STAY, "second-stay-ms")                                                  \
    X(LINE_LOST_HOW, "line-lost-how")                                                 \
    X(HUMAN_STAYS, "human-stays-ms")                                                  \
    X(RIVAL_STAYS, "rival-stays-ms")                                                  \
    /* agents */                                                                      \
    X(MISBEHAVES, "misbehaves")                                                       \
    X(BEHAVIOUR, "behaviour")                                                         \
    X(GOOD_RECONNECTS, "good-reconnects")                                             \
    X(QUITS_RECONNECTED, "quits-reconnected")                                         \
    X(IGNORES_TERM, "ignores-term")                                                   \
    X(STAYS_ALONE, "stays-alone")                                                     \
    X(TOLD_AFTER, "exit-told-ms")                                                     \
    X(LEAVES_AFTER, "leaves-ms") /* its process was over then */                      \
    X(LEAVES_FIRST, "leaves-first")                                                   \
    X(ENDS_AFTER, "ends-ms")                                                          \
    X(AGENT_STEP, "agent-ms")   /* its next step comes then */                        \
    X(START_LOST, "start-lost") /* with the bridge that was about to do it */         \
    X(HANGS, "hangs")           /* when thrown out … */                             \
    X(CRASHES, "crashes")       /* … or so … */                                   \
    X(REJOINS, "rejoins")       /* … or when LiveKit is back */                     \
    /* agents that are started ahead: drawn from chance of their own (sim.c) */       \
    X(STANDBYS, "standbys")                                                           \
    X(STANDBY_FAILS, "standby-fails")                                                 \
    X(STANDBY_FAILS_HOW, "standby-fails-how")                                         \
    X(STANDBY_READY, "standby-ready-ms")                                              \
    X(STANDBY_WAITS, "standby-waits-ms") /* until it dies … */                      \
    X(STANDBY_ENDS, "standby-ends-ms")   /* gone, or told of it, so much later */     \
    /* LiveKit */                                                                     \
    X(FINISHED_TOLD, "finished-told") /* of a room that it had forgotten */           \
    X(REJOINS_AFTER, "rejoins-ms")    /* a phone, when LiveKit is back */             \
    X(UNLISTED, "unlisted")           /* the close of a duplicate hides the new */    \
    X(LISTED_AFTER, "listed-ms")      /* … for so long */                           \
    X(STAYS_UNLISTED, "stays-unlisted")                                               \
    /* the bridge */                                                                  \
    X(LOSES_MEMORY, "loses-memory")                                                   \
    X(DIES_WITHIN, "dies-within") /* what it does about one thing … */              \
    X(DIES_AT, "dies-at")         /* … at so many port operations */

enum sim_choice {
#define X(symbol, name) CHOICE_##symbol,
    SIM_CHOICES(X)
#undef X
        CHOICE_COUNT
};

#endif
