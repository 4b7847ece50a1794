with candidates as (

    select * from {{ ref('int_observation_candidates') }}

),

observations as (

    select * exclude (status, next_observation_date, cltv)
    from candidates
    where status = 'observed'

)

select * from observations
