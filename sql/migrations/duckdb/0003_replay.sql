-- Rejects that a replay took up again.
create table replayed_reject (
    registry varchar not null,
    segment  varchar not null,
    line     bigint  not null
);

-- The rows of replays: where the record would stand if it had not been
-- refused. turn is twice the place of the row that follows it there, less one;
-- other rows have turn 2 * place. root_line is for records between the same
-- two rows.
create table replayed_row (
    place     bigint not null,
    turn      bigint not null,
    root_line bigint not null
);

-- Replays of what a snapshot refused: like the snapshot, they say what holds
-- at its time, however old their rows say they are.
create table whole_replay (seq bigint not null);
