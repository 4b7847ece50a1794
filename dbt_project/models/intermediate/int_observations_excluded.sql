with candidates as (

    select * from {{ ref('int_observation_candidates') }}

),

excluded as (

    select
        customer_id,
        observation_date,
        status as reason

    from candidates
    where status <> 'observed'

)

select * from excluded
