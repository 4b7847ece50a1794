with customers as (

    select * from {{ ref('stg_raw__customers') }}

),

departures as (

    select * from {{ ref('int_departures') }}

),

days_on_which_a_customer_may_be_due as (

    select
        customer_id,
        observation_date,
        true as has_own_row
    from customers

    union all

    select
        customer_id,
        next_observation_date as observation_date,
        false as has_own_row
    from customers
    where next_observation_date is not null

),

candidates as (

    select
        customer_id,
        observation_date,
        bool_or(has_own_row) as has_own_row

    from days_on_which_a_customer_may_be_due
    where {{ in_built_range() }}
    group by customer_id, observation_date

),

-- the newest profile that was known on the day; blank where nothing was
newest_known as (

    select
        candidates.customer_id,
        candidates.observation_date,
        candidates.has_own_row,
        customers.observation_date as attributes_observation_date,
        customers.known_at as attributes_known_at,
        customers.* exclude (customer_id, observation_date, known_at, superseded_at)

    from candidates
    left join customers
        on candidates.customer_id = customers.customer_id
        and customers.observation_date <= candidates.observation_date
        and {{ known_on('customers', 'candidates.observation_date') }}
    qualify row_number() over (
        partition by candidates.customer_id, candidates.observation_date
        order by customers.observation_date desc nulls last
    ) = 1

),

judged as (

    select
        newest_known.* exclude (has_own_row),
        case
            when departures.known_gone_from <= newest_known.observation_date then 'left'
            when newest_known.attributes_observation_date is null then 'nothing_known'
            when newest_known.attributes_observation_date = newest_known.observation_date then 'observed'
            when newest_known.next_observation_date = newest_known.observation_date then 'observed'
            when newest_known.has_own_row then 'known_too_late'
            else 'rescheduled'
        end as status

    from newest_known
    left join departures
        on newest_known.customer_id = departures.customer_id

)

select * from judged
