"""The scoreboard of noticing: planted changes and calm years, judged for this platform and for its peers on the same windows.

What belongs here: planning the lives (`cases`), living them (`life`), showing the same windows to the peers (`windows`, `peers`),
and counting alarms and detections (`alarms`, `scoreboard`). What does not: any monitoring of its own (the platform's jobs do it).
"""
