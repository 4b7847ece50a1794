with source as (

    select * from {{ source('raw', 'customers') }}
    where {{ of_built_customers(source('raw', 'customers')) }}

),

versions as (

    select
        customer_id,
        observation_date,
        next_observation_date,
        known_at,
        gender,
        senior_citizen,
        partner,
        dependents,
        tenure_months,
        phone_service,
        multiple_lines,
        internet_service,
        online_security,
        online_backup,
        device_protection,
        tech_support,
        streaming_tv,
        streaming_movies,
        contract,
        paperless_billing,
        payment_method,
        monthly_charges,
        case
            when total_charges is null and tenure_months = 0 then 0.0
            else total_charges
        end as total_charges,
        internet_type,
        unlimited_data,
        number_of_referrals,
        cltv,
        {{ superseded_at(['customer_id', 'observation_date']) }} as superseded_at

    from source

),

-- a version replaced on the day it became known was never in force: of a row landed twice, the later landing stays
in_force as (

    select * from versions
    where known_at is distinct from superseded_at

)

select * from in_force
