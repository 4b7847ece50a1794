with observations as (

    select * from {{ ref('int_observations') }}

),

departures as (

    select * from {{ ref('int_departures') }}

),

-- whoever turns out to have left by the day of observation has no outcome: neither stayed nor left after it
observations_of_present_customers as (

    select
        observations.customer_id,
        observations.observation_date,
        observations.observation_date + {{ var('label_horizon_days') | int }} as matured_on,
        departures.churned_on,
        departures.churn_known_at

    from observations
    left join departures
        on observations.customer_id = departures.customer_id
    where
        departures.churned_on is null
        or departures.churned_on > observations.observation_date

),

outcomes as (

    select
        customer_id,
        observation_date,
        matured_on,
        case when churned_on <= matured_on then churned_on end as churned_on,
        case when churned_on <= matured_on then churn_known_at end as churn_known_at

    from observations_of_present_customers

)

select * from outcomes
