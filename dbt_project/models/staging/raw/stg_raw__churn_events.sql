with source as (

    select * from {{ source('raw', 'churn_events') }}
    where {{ of_built_customers(source('raw', 'churn_events')) }}

),

versions as (

    select
        customer_id,
        churned_on,
        known_at,
        churn_category,
        churn_reason,
        {{ superseded_at(['customer_id', 'churned_on']) }} as superseded_at

    from source

),

-- a version replaced on the day it became known was never in force: of a row landed twice, the later landing stays
in_force as (

    select * from versions
    where known_at is distinct from superseded_at

)

select * from in_force
