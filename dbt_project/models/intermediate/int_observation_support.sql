with observations as (

    select * from {{ ref('int_observations') }}

),

support_tickets as (

    select * from {{ ref('stg_raw__support_tickets') }}

),

-- before the feed's first ticket nothing is known, which is not the same as "none"
feed as (

    select min(known_at) as tickets_since
    from support_tickets

),

known_tickets as (

    select
        observations.customer_id,
        observations.observation_date,
        support_tickets.opened_on,
        case
            when support_tickets.resolved_on <= observations.observation_date then support_tickets.resolved_on
        end as resolved_on,
        feed.tickets_since <= observations.observation_date as has_tickets

    from observations
    cross join feed
    left join support_tickets
        on observations.customer_id = support_tickets.customer_id
        and support_tickets.opened_on <= observations.observation_date
        and {{ known_on('support_tickets', 'observations.observation_date') }}

),

per_observation as (

    select
        customer_id,
        observation_date,
        case
            when bool_or(has_tickets) then count(*) filter (where opened_on > observation_date - 90)
        end as tickets_90d,
        case
            when bool_or(has_tickets) then count(opened_on) filter (where resolved_on is null)
        end as open_tickets,
        avg(resolved_on - opened_on) filter (where resolved_on > observation_date - 180) as avg_days_to_resolve_180d

    from known_tickets
    group by customer_id, observation_date

)

select * from per_observation
