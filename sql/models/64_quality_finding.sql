-- quality_finding: what only a set of records shows. One row a check, registry,
-- and sender or county; day is the first day concerned, until the last. A
-- sender is looked at over {window} days of reports that end on a day it
-- reported, and held against its own {baseline} days before them (race) or the
-- registry's other senders in the same days (dates). A day of administration
-- is held against the same weekday of the four weeks before it. {day}, {given}
-- and {county} are the tables quality_day, quality_given and quality_county;
-- the names in braces below are thresholds of package release.
with q as (select * from {day}),
-- a sender's reports, with the window's sums and those before it
reports as (
  select registry, sender, day, events, dated, after_12, on_first, with_ndc, lot_in_ndc, latino, other_race, white, asian, black, race_unknown from q where events > 0
), senders as (
  select registry, sender, day, sum(columns(* exclude (registry, sender, day))) over w,
         sum(events) over b as b_events, sum(latino) over b as b_latino, sum(other_race) over b as b_other, sum(white) over b as b_white,
         sum(asian) over b as b_asian, sum(black) over b as b_black, sum(race_unknown) over b as b_unknown
  from reports
  window w as (partition by registry, sender order by day range between interval {window_less_one} day preceding and current row),
         b as (partition by registry, sender order by day range between interval {window_and_baseline} day preceding and interval {window} day preceding)
), days as (
  select registry, day, sum(dated) as dated, sum(after_12) as after_12, sum(on_first) as on_first from reports group by all
), registries as (
  select registry, day, sum(dated) over w as dated, sum(after_12) over w as after_12, sum(on_first) over w as on_first
  from days window w as (partition by registry order by day range between interval {window_less_one} day preceding and current row)
), against as (
  select s.*, r.dated - s.dated as o_dated, r.after_12 - s.after_12 as o_after, r.on_first - s.on_first as o_first
  from senders s join registries r using (registry, day)
), swapped as (
  select 'MONTH_DAY_SWAPPED' as code, registry, sender, '' as county, min(day) as day, max(day) as until, max_by(dated, (dated, day)) as events,
         max_by(100.0 * after_12 / dated, (dated, day)) as figure, max_by(100.0 * o_after / o_dated, (dated, day)) as expected
  from against
  where dated >= {swap_events} and o_dated >= 2 * {swap_events} and 100 * after_12 <= {swap_percent} * dated and o_after * dated >= 15 * o_dated
    and 100 * o_after >= 30 * o_dated
  group by registry, sender
), firsts as (
  select 'FIRST_OF_MONTH_CLUSTER', registry, sender, '', min(day), max(day), max_by(dated, (on_first, day)),
         max_by(100.0 * on_first / dated, (on_first, day)), max_by(100.0 * o_first / o_dated, (on_first, day))
  from against
  where dated >= {first_events} and o_dated >= {first_events} and 100 * on_first >= {first_percent} * dated and on_first * o_dated >= 3 * o_first * dated
    and (registry, sender) not in (select (registry, sender) from swapped)
  group by registry, sender
), race as (
  select registry, sender, day, events, b_events, race.label, race.now, race.before
  from (select *, unnest([{'label': 'Latino', 'now': latino, 'before': b_latino}, {'label': 'Other Race', 'now': other_race, 'before': b_other},
                          {'label': 'White', 'now': white, 'before': b_white}, {'label': 'Asian', 'now': asian, 'before': b_asian},
                          {'label': 'Black or African American', 'now': black, 'before': b_black},
                          {'label': 'Unknown', 'now': race_unknown, 'before': b_unknown}]) as race
        from senders where events >= {race_events} and b_events >= 2 * {race_events})
), drift as (
  -- z of two shares, squared, so that no root is needed
  select *, abs(now / events - before / b_events) as change,
         power(now / events - before / b_events, 2)
           / ((now + before) / (events + b_events) * (1 - (now + before) / (events + b_events)) * (1 / events + 1 / b_events)) as z2
  from race where now + before > 0 and now + before < events + b_events
), moved as (
  select *, first_value(day) over (partition by registry, sender order by z2 desc, day) as worst, 100.0 * now / events as figure, 100.0 * before / b_events as expected,
         min(day) over (partition by registry, sender) as first_day, max(day) over (partition by registry, sender) as until
  from drift where 100 * change >= {race_points} and z2 >= {race_z} * {race_z}
), drifted as (
  -- the day on which it shows most; what fell stands before what rose
  select 'RACE_MIX_DRIFT', registry, sender, '', any_value(first_day), any_value(until), any_value(events), min_by(figure, (figure - expected, label)),
         min_by(expected, (figure - expected, label)),
         string_agg(label || case when figure < expected then ' fell to ' else ' rose to ' end || round(figure, 1) || ' % from ' || round(expected, 1) || ' %', ', '
                    order by figure - expected, label)
  from moved where day = worst
  group by registry, sender
), lots as (
  select 'LOT_IN_NDC', registry, sender, '', min(day), max(day), sum(with_ndc), 100.0 * sum(lot_in_ndc) / sum(with_ndc), 0.0
  from reports where lot_in_ndc > 0
  group by registry, sender
  having sum(lot_in_ndc) >= {lot_events} and 100 * sum(lot_in_ndc) >= {lot_percent} * sum(with_ndc)
), places as (
  select registry, county, day, sum(events) over w as events, sum(lost_zero) over w as lost_zero, sum(events) over b as b_events, sum(lost_zero) over b as b_lost
  from (select registry, county, day, events, lost_zero from {county} where county not in ('OOS', 'UNK')
        union all select registry, '', day, sum(events), sum(lost_zero) from {county} where county not in ('OOS', 'UNK') group by all)
  window w as (partition by registry, county order by day range between interval {window_less_one} day preceding and current row),
         b as (partition by registry, county order by day range between interval {window_and_baseline} day preceding and interval {window} day preceding)
), zeroless as (
  select registry, county, min(day) as day, max(day) as until, max_by(events, (events, day)) as events, max_by(100.0 * lost_zero / events, (events, day)) as figure,
         min_by(case when b_events > 0 then 100.0 * b_lost / b_events else 0 end, day) as expected
  from places where events >= {zero_events} and 100 * lost_zero >= {zero_percent} * events
  group by registry, county
), zeros as (
  -- of a whole registry it is said once
  select 'FIPS_LOST_ZERO', registry, '', county, day, until, events, figure, expected from zeroless z
  where county = '' or not exists (select 1 from zeroless a where a.registry = z.registry and a.county = '')
), nowhere as (
  select registry, day, sum(n) over w as events, sum(u) over w as unknown, sum(n) over b as b_events, sum(u) over b as b_unknown
  from (select registry, day, sum(events) as n, sum(events) filter (county = 'UNK') as u from {county} group by all)
  window w as (partition by registry order by day range between interval {window_less_one} day preceding and current row),
         b as (partition by registry order by day range between interval {window_and_baseline} day preceding and interval {window} day preceding)
), unknown as (
  select 'UNKNOWN_COUNTY_SHARE', registry, '', '', min(day), max(day), max_by(events, (events, day)), max_by(100.0 * unknown / events, (events, day)),
         min_by(case when b_events > 0 then 100.0 * coalesce(b_unknown, 0) / b_events else 0 end, day)
  from nowhere
  where events >= {unknown_events} and 100 * unknown >= {unknown_percent} * events
    and (b_events is null or unknown * b_events >= 3 * coalesce(b_unknown, 0) * events)
  group by registry
), resent as (
  select 'RESENT_UNDER_NEW_IDS', registry, '', '', day, day, events, 100.0 * resent / events, 0.0
  from {given} where resent >= {resent_events} and 100 * resent >= {resent_percent} * events
), span as (
  -- days that are all in: none of the last {settle_days} days of reports
  select g.registry, min(g.day) as from_day, least(max(g.day), any_value(l.last_day) - {settle_days}) as to_day
  from {given} g join (select registry, max(day) as last_day from q where events > 0 group by all) l using (registry) group by g.registry
), calendar as (
  select registry, unnest(generate_series(from_day, to_day, interval 1 day))::date as day from span
), volume as (
  select c.registry, c.day, coalesce(g.doses, 0) as doses from calendar c left join {given} g on g.registry = c.registry and g.day = c.day
), weeks as (
  select registry, day, doses, list_sort([lag(doses, 7) over w, lag(doses, 14) over w, lag(doses, 21) over w, lag(doses, 28) over w]) as before,
         list_sort([lag(doses, 1) over w, lag(doses, 2) over w, lag(doses, 3) over w, lead(doses, 1) over w, lead(doses, 2) over w, lead(doses, 3) over w]) as about,
         lag(doses, 28) over w is not null as whole
  from volume window w as (partition by registry order by day)
), expectation as (
  select registry, day, doses, (before[2] + before[3]) / 2 as expected, (about[3] + about[4]) / 2 as around
  from weeks
  where whole and strftime(day, '%m-%d') not in ('01-01', '07-04', '12-25')
    and not (month(day) = 11 and dayofweek(day) = 4 and day(day) between 22 and 28) -- Thanksgiving
), missing as (
  select 'DAY_MISSING', registry, '', '', day, day, doses, cast(doses as double), expected from expectation
  where expected >= {missing_expected} and 20 * doses <= expected
), outlier as (
  -- much less or more than usual, and than the days about it: a campaign
  -- that starts or ends is none
  select 'VOLUME_OUT_OF_RANGE', registry, '', '', day, day, doses, cast(doses as double), expected from expectation
  where expected >= {volume_expected} and 20 * doses > expected
    and (doses * {volume_times} < expected and 2 * doses < around or doses > {volume_times} * expected and doses > 2 * around)
), deleting as (
  select registry, day, sum(events) as events, sum(deletes) as deletes from q group by all
), gaps as (
  -- events reported between one day with deletes and the next
  select registry, day, deletes, sum(events) over (partition by registry order by day) as so_far,
         sum(events) over (partition by registry) as total, sum(deletes) over (partition by registry) as all_deletes,
         max(day) over (partition by registry) as last_day
  from deleting
), deletes as (
  select registry, day, so_far, total, all_deletes, last_day, so_far - coalesce(lag(so_far) over (partition by registry order by day), 0) as gap
  from gaps where deletes > 0
), stopped as (
  select 'DELETES_STOPPED', registry, '', '', max(day), any_value(last_day), any_value(total) - max(so_far), 0.0,
         any_value(all_deletes) * (any_value(total) - max(so_far)) / max(so_far)
  from deletes group by registry
  having any_value(all_deletes) >= {deletes_before} and any_value(all_deletes) * (any_value(total) - max(so_far)) >= {deletes_expected} * max(so_far)
    and 2 * (any_value(total) - max(so_far)) >= 3 * max(gap) and any_value(last_day) - max(day) >= {window}
), found as (
  select *, '' as label from swapped union all select *, '' from firsts union all select * from drifted union all select *, '' from lots
  union all select *, '' from zeros union all select *, '' from unknown union all select *, '' from resent union all select *, '' from missing
  union all select *, '' from outlier union all select *, '' from stopped
), rule(code, severity, says, unit, remedy) as (values {rules})
select f.code, r.severity, f.registry, f.sender, f.county, f.day, f.until, cast(f.events as bigint) as events,
       cast(round(f.figure * 10) as bigint) as figure_tenths, cast(round(f.expected * 10) as bigint) as expected_tenths, r.unit, f.label,
       f.registry || case when f.sender <> '' then ', sender ' || f.sender else '' end || case when f.county <> '' then ', county ' || f.county else '' end || ', '
         || f.day || case when f.until > f.day then ' to ' || f.until else '' end || ': '
         || replace(replace(replace(r.says, '{figure}', cast(cast(round(f.figure, 1) as decimal(18, 1)) as varchar)),
              '{expected}', cast(cast(round(f.expected, 1) as decimal(18, 1)) as varchar)), '{label}', f.label) as says,
       r.remedy
from found f join rule r using (code)
order by case r.severity when 'ERROR' then 0 else 1 end, f.registry, f.code, f.sender, f.county, f.day
