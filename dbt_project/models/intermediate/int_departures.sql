with churn_events as (

    select * from {{ ref('stg_raw__churn_events') }}

),

first_events as (

    select
        customer_id,
        min(churned_on) as churned_on,
        arg_min(known_at, row(churned_on, known_at)) as churn_known_at,
        min(greatest(churned_on, known_at)) as known_gone_from

    from churn_events
    group by customer_id

)

select * from first_events
