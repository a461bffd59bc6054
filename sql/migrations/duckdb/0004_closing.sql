-- What stewards said of rejects: given-up, or open again. The latest by place
-- counts; a replay counts before either.
create table closing (
    registry varchar not null,
    segment  varchar not null,
    line     bigint  not null,
    verdict  varchar not null,
    place    bigint  not null
);
